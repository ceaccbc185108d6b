{% macro fill_stale_studies(studies, references, seeds, changes) -%}
    {#- Part of take_stale_studies(), which says what the arguments are. -#}
    {%- set followed = [] -%}
    {%- for reference, relation, column in references -%}
        {%- do followed.append("'" ~ reference.identifier ~ "'") -%}
    {%- endfor -%}
    create temporary table told (told_by text, organization_id uuid, key uuid) on commit drop;
    {%- if changes %}
    lock table ops.changed_studies in share row exclusive mode;
    {%- endif %}
    with taken as (
        delete from ops.stale_keys where model = '{{ model.name }}'
        returning told_by, organization_id, key
    )
    insert into pg_temp.told select told_by, organization_id, key from taken;
    insert into pg_temp.told (told_by)
    select 'made_by' where not exists (
        select from ops.built_models
        where model = '{{ model.name }}' and made_by = {{ made_by(seeds) }}
    );
    analyze pg_temp.told;

    insert into pg_temp.stale_studies (organization_id, study_id)
    select organization_id, key from pg_temp.told where organization_id is not null
    {%- if changes %}
    union
    select organization_id, study_id from {{ changes }}
    {%- endif %}
    {%- for reference, relation, column in references %}
    union
    select found.organization_id, found.study_id
    from {{ relation }} as found
    inner join pg_temp.told as told
        on told.told_by = '{{ reference.identifier }}' and told.key = found.{{ column }}
    {%- endfor %}
    {#- No key: everything. So it is where nobody has said how to follow the key. #}
    {%- for relation in [this, studies] %}
    union
    select organization_id, study_id
    from {{ relation }}
    where exists (
        select from pg_temp.told
        where
            key is null
            or (
                organization_id is null
                and told_by <> all(array[{{ followed | join(', ') }}]::text[])
            )
    )
    {%- endfor %};
    analyze pg_temp.stale_studies;
    {%- if changes %}
    delete from ops.changed_studies;
    {%- endif %}
    {{ remember_made_by(seeds) }}

    {%- for child in models_told_by(model) %}
    insert into ops.stale_keys (model, told_by, organization_id, key)
    select '{{ child }}', '{{ model.name }}', organization_id, study_id from pg_temp.stale_studies;
    {%- endfor %}
{%- endmacro %}
