{% macro only_stale(relation) -%}
    {#-
        In an incremental run, the rows of `relation` that belong to the studies being rebuilt; the
        whole relation otherwise. It needs the columns organization_id and study_id.

        LATERAL and the fence (OFFSET 0) make the planner look each study up by the indexes of its
        own partition: it does not know that of hundreds of partitions one will be read, and would
        rather read all of them.
    -#}
    {%- if is_incremental() -%}
        (
            select rows_of_study.*
            from pg_temp.stale_studies as stale
            cross join lateral (
                select *
                from {{ relation }} as candidate
                where
                    candidate.organization_id = stale.organization_id
                    and candidate.study_id = stale.study_id
                offset 0
            ) as rows_of_study
        ) as stale_rows
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
