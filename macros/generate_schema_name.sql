{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- dbt would use <target>_<custom>: a schema without our grants and clean-up. -#}
    {{ target.schema }}
{%- endmacro %}
