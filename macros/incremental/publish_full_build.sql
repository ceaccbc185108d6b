{% macro publish_full_build() -%}
    {#- The models that follow this one rebuild everything after a full build of it. -#}
    {%- if execute and model.config.materialized == 'incremental' and not is_incremental() -%}
        insert into ops.study_changes (relation) values ('{{ this.identifier }}')
    {%- endif -%}
{%- endmacro %}
