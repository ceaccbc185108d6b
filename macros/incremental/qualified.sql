{% macro qualified(alias, columns) -%}
    {#- The columns (of dbt's catalogue) as alias."a", alias."b". -#}
    {%- for column in columns -%}
        {{ alias }}.{{ adapter.quote(column.name) }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
