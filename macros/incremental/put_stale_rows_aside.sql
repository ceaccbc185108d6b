{% macro put_stale_rows_aside(relation, found_by, column='study_id') -%}
    {#-
        A temporary table with the rows of `relation` that belong to the studies of `found_by`, the
        name of another one; where the relation is a join, by another of its keys too, the `column`.

        LATERAL and the fence (OFFSET 0) have each study looked up by the indexes of its own
        partition: the planner does not know that of hundreds of partitions one will be read, and
        would rather read all of them. Put aside and analyzed, the rows are joined as few rows
        should be; straight from behind the fence, nothing would be known of them.
    -#}
    create temporary table {{ put_aside(relation) }} on commit drop as
    select found.*
    from pg_temp.{{ found_by }} as stale
    cross join lateral (
        select *
        from {{ relation }} as candidate
        where
            candidate.organization_id = stale.organization_id
            and candidate.study_id = stale.study_id
            and candidate.{{ column }} = stale.{{ column }}
        offset 0
    ) as found;
    analyze pg_temp.{{ put_aside(relation) }};
{%- endmacro %}
