{% macro get_incremental_replace_changed_rows_sql(arg_dict) -%}
    {#-
        Views on the table stay, and readers never find it empty: rows that are the same are not
        touched.
    -#}
    {%- set target, new = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set key = arg_dict['unique_key'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set feed_columns = config.get('meta', {}).get('feed_columns', []) -%}
    {%- set feed_rows = config.get('meta', {}).get('feed_rows', 'true') -%}
    {%- if feed_columns %}
        {%- set watched -%}
            select {{ key }} as key, row({{ feed_columns | join(', ') }}) as content
        {%- endset %}
        insert into ops.study_changes (relation, key)
        select '{{ target.identifier }}', key
        from ({{ watched }} from {{ target }} where {{ feed_rows }}) as held
        full join ({{ watched }} from {{ new }} where {{ feed_rows }}) as found using (key)
        where held.content is distinct from found.content;
    {%- endif %}

    {#- Compared as stored (*<>): some types have no "=", and to jsonb 1.5 equals 1.50. #}
    {%- set whole %}select {{ key }} as key, row({{ columns }})::record as content{% endset %}
    delete from {{ target }} as stored
    using (
        select held.key
        from ({{ whole }} from {{ target }}) as held
        left join ({{ whole }} from {{ new }}) as found on held.key = found.key
        where found.key is null or held.content *<> found.content
    ) as changed
    where stored.{{ key }} = changed.key;
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ new }} as found
    where not exists (select from {{ target }} as stored where stored.{{ key }} = found.{{ key }});
{%- endmacro %}
