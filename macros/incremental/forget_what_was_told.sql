{% macro forget_what_was_told(seeds, changes) -%}
    {#- The model is made anew, by a statement that comes later: nothing of it is stale. -#}
    delete from ops.stale_keys where model = '{{ model.name }}';
    {%- if changes %}
    delete from ops.changed_studies;
    {%- endif %}
    {{ remember_made_by(seeds) }}
{%- endmacro %}
