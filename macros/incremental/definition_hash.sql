{% macro definition_hash(seeds=[]) -%}
    {#- Where this value differs from the last build's, all rows of the model are rebuilt. -#}
    '{{ local_md5(model.raw_code) }}'
    {%- for seed in seeds %}
    || coalesce((select md5(string_agg(r::text, ',' order by r::text)) from {{ seed }} as r), '')
    {%- endfor -%}
{%- endmacro %}
