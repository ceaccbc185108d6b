{% macro restore_tenants() %}
    {#-
        dbt drops the tenants' views with every mart that it replaces, also in a `dbt run` by hand. The
        function restores missing views, and costs next to nothing where none is missing. A
        warehouse that `eden` has not migrated yet has no function and no tenants.
    -#}
    do $restore_tenants$
    begin
        if to_regprocedure('ops.restore_tenants()') is not null then
            perform ops.restore_tenants();
        end if;
    end
    $restore_tenants$;
{% endmacro %}
