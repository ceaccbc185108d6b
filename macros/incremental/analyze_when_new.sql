{% macro analyze_when_new() -%}
    {#-
        The statistics of a new table plan the models after it. Later autovacuum keeps them: ANALYZE at
        every build would cost more than the build.
    -#}
    {%- if model.config.materialized == 'incremental' -%}
    do $analyze$
    begin
        if (select reltuples <= 0 from pg_catalog.pg_class where oid = '{{ this }}'::regclass) then
            analyze {{ this }};
        end if;
    end
    $analyze$;
    {%- endif -%}
{%- endmacro %}
