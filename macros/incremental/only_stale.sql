{% macro only_stale(relation) -%}
    {#-
        In an incremental run, the rows of `relation` that belong to the studies being rebuilt, as
        take_stale_studies(reads=[...]) has put them aside; the whole relation otherwise.
    -#}
    {%- if is_incremental() -%}
        pg_temp.{{ put_aside(relation) }}
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
