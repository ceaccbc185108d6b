{% macro prune_study_changes() %}
    {#- A warehouse that `eden` has not migrated yet has no feed. -#}
    do $prune_study_changes$
    begin
        if to_regprocedure('ops.prune_study_changes()') is not null then
            perform ops.prune_study_changes();
        end if;
    end
    $prune_study_changes$;
{% endmacro %}
