{% macro put_aside(relation) -%}
    {#- Name of the temporary table with the rows of `relation` that belong to stale studies. -#}
    stale__{{ relation.identifier }}
{%- endmacro %}
