{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- dbt would write <target>_<custom>: schemas that no grant and no clean-up knows of. -#}
    {{ target.schema }}
{%- endmacro %}
