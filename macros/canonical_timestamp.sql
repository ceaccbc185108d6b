{% macro canonical_timestamp(expression) -%}
    {#- A cast to text depends on TimeZone and DateStyle, and to_char() loses 'infinity'. -#}
    extract(epoch from {{ expression }})::text
{%- endmacro %}
