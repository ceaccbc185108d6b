{% macro get_incremental_differences_sql(arg_dict) -%}
    {#-
        The incremental strategy of small models: the model's whole result is compared with what
        the table holds, and only the rows that differ are replaced. Views that hang from the table
        stay, and readers never find it empty.

        meta.told is an expression over the model's columns. Where its value is another than it was
        (no row counts as NULL), the models that are rebuilt study by study are told the row's key.
    -#}
    {%- set target, new = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set key = arg_dict['unique_key'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set told = config.get('meta', {}).get('told') -%}
    {%- if told %}
        {%- for child in models_told_by(model) %}
            insert into ops.stale_keys (model, told_by, key)
            select
                '{{ child }}' as model,
                '{{ model.name }}' as told_by,
                coalesce(held.key, found.key) as key
            from (select {{ key }} as key, {{ told }} as told from {{ target }}) as held
            full outer join (select {{ key }} as key, {{ told }} as told from {{ new }}) as found
                on held.key = found.key
            where held.told is distinct from found.told;
        {%- endfor %}
    {%- endif %}
    {#- As stored (*<>): some types have no "=", and by jsonb's 1.5 is 1.50. #}
    delete from {{ target }} as held
    where not exists (
        select from {{ new }} as found
        where
            found.{{ key }} = held.{{ key }}
            and not row({{ qualified('held', arg_dict['dest_columns']) }})::record
            *<> row({{ qualified('found', arg_dict['dest_columns']) }})::record
    );
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ new }} as found
    where not exists (select from {{ target }} as held where held.{{ key }} = found.{{ key }});
{%- endmacro %}
