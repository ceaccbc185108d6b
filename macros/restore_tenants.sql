{% macro restore_tenants() %}
    {#-
        dbt drops the tenants' views with every mart that it replaces, also when it is typed by hand
        for one model. The function looks for what is missing and is nearly free where nothing is.
        It comes with the warehouse's migrations: one that `eden` has not touched since has no tenants
        to restore.
    -#}
    do $restore_tenants$
    begin
        if to_regprocedure('ops.restore_tenants()') is not null then
            perform ops.restore_tenants();
        end if;
    end
    $restore_tenants$;
{% endmacro %}
