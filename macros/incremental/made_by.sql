{% macro made_by(seeds) -%}
    {#- What a model's rows are made by besides the replicated ones: its SQL, and these seeds. -#}
    '{{ local_md5(model.raw_code) }}'
    {%- for seed in seeds %}
    || coalesce((select md5(string_agg(r::text, ',' order by r::text)) from {{ seed }} as r), '')
    {%- endfor -%}
{%- endmacro %}
