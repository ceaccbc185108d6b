{% macro analyze_when_new() -%}
    {#-
        The models that follow are planned by what the planner knows of this one. Later the server
        looks after that itself: a full look at every build would cost more than the build.
    -#}
    do $analyze$
    begin
        if (select reltuples <= 0 from pg_catalog.pg_class where oid = '{{ this }}'::regclass) then
            analyze {{ this }};
        end if;
    end
    $analyze$;
{%- endmacro %}
