{% macro start_study_rebuild(all_studies, by_study, by_row=[], seeds=[]) -%}
    {#-
        The hooks and the model's own statement are one transaction: a model uses a change and moves
        its position, or does neither. A full build reads everything and only moves the position.
    -#}
    -- noqa: disable=LT02  -- the linter reads the branches of this template as one text
    {% set new_changes -%}
        select relation, organization_id, key
        from ops.use_study_changes(
            '{{ this.identifier }}',
            array['{{ (by_study + by_row | map(attribute=0) | list) | join("', '") }}'],
            {{ definition_hash(seeds) }}
        )
    {%- endset %}
    {% if not is_incremental() %}
        select count(*) from ({{ new_changes }}) as used;
    {%- else %}
        create temporary table new_changes on commit drop as
        {{ new_changes }} {% if flags.EMPTY %}limit 0{% endif %};
        analyze pg_temp.new_changes;
        create temporary table studies_to_rebuild (
            organization_id uuid, study_id uuid, primary key (organization_id, study_id)
        ) on commit drop;
        insert into pg_temp.studies_to_rebuild (organization_id, study_id)
        {#- Changes of a study. #}
        select organization_id, key from pg_temp.new_changes
        where key is not null and relation in ('{{ by_study | join("', '") }}')
        {#- Changes of other rows, which lead to studies. #}
        {%- for relation, found_in, column in by_row %}
        union
        select found.organization_id, found.study_id
        from pg_temp.new_changes as change
        {%- if relation.startswith('pacs_') %}
        cross join lateral (
            select organization_id, study_id
            from {{ found_in }}
            where
                organization_id = change.organization_id
                and {{ column }} = change.key
                and study_id is not null
            offset 0
        ) as found
        {%- else %}
        inner join {{ found_in }} as found on found.{{ column }} = change.key
        {%- endif %}
        where change.relation = '{{ relation }}'
        {%- endfor %}
        {#- Changes of an organization, and of everything. #}
        union
        select study.organization_id, study.study_id
        from pg_temp.new_changes as change
        inner join {{ all_studies }} as study using (organization_id)
        where change.key is null
        {%- for relation in [this, all_studies] %}
        union
        select organization_id, study_id from {{ relation }}
        where exists (
            select from pg_temp.new_changes where key is null and organization_id is null
        )
        {%- endfor %};
        analyze pg_temp.studies_to_rebuild;

        delete from {{ this }} as stored using pg_temp.studies_to_rebuild as study
        where stored.organization_id = study.organization_id and stored.study_id = study.study_id;
        insert into ops.study_changes (relation, organization_id, key)
        select '{{ this.identifier }}', organization_id, study_id from pg_temp.studies_to_rebuild;
        {#- The planner cannot estimate the rows of rows_to_rebuild(): only hash joins scale. #}
        set local enable_nestloop = off;
    {%- endif %}
    {%- if flags.EMPTY %}
        {#- `--empty` reads no rows. Without a position the next run rebuilds everything. #}
        delete from ops.model_positions where model = '{{ this.identifier }}';
    {%- endif %}
{%- endmacro %}
