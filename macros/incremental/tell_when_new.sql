{% macro tell_when_new() -%}
    {#-
        The pre-hook of every incremental model: built from nothing, it tells the models that read it
        that everything is stale. Later its strategy tells them which rows are.
    -#}
    {%- if execute and not is_incremental() -%}
        {%- for child in models_told_by(model) %}
            insert into ops.stale_keys (model, told_by) values ('{{ child }}', '{{ model.name }}');
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}
