{% macro canonical_timestamp(expression) -%}
    {#- A cast to text would follow TimeZone and DateStyle, and to_char() loses 'infinity'. -#}
    extract(epoch from {{ expression }})::text
{%- endmacro %}
