{% macro remember_made_by(seeds) -%}
    {#- See made_by(). -#}
    insert into ops.built_models (model, made_by) values ('{{ model.name }}', {{ made_by(seeds) }})
    on conflict (model) do update set made_by = excluded.made_by;
{%- endmacro %}
