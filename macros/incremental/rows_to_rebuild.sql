{% macro rows_to_rebuild(relation, through=none, column=none) -%}
    {#-
        LATERAL and the fence (OFFSET 0) make PostgreSQL look each study up by the indexes of its own
        partition. The planner does not know that of hundreds of partitions one will be read, and
        would read all of them.
    -#}
    {%- if not is_incremental() -%}
        {{ relation }}
    {%- else -%}
        (
            select found.*
            from pg_temp.studies_to_rebuild as study
            {% if through %}
            cross join lateral (
                select {{ column }}
                from {{ through }} as candidate
                where
                    candidate.organization_id = study.organization_id
                    and candidate.study_id = study.study_id
                offset 0
            ) as through
            {% endif %}
            cross join lateral (
                select *
                from {{ relation }} as candidate
                where
                    candidate.organization_id = study.organization_id
                    and candidate.study_id = study.study_id
                    {% if through %}and candidate.{{ column }} = through.{{ column }}{% endif %}
                offset 0
            ) as found
        ) as rows_to_rebuild
    {%- endif -%}
{%- endmacro %}
