{% macro get_incremental_stale_studies_sql(arg_dict) -%}
    {#-
        The incremental strategy of models that are rebuilt study by study: all rows of the stale
        studies go, those of them that still have any get them back. take_stale_studies() has said
        which studies these are, and only_stale() has let the model read nothing else.
    -#}
    {%- set target, new = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) %}
    delete from {{ target }} as held using pg_temp.stale_studies as stale
    where held.organization_id = stale.organization_id and held.study_id = stale.study_id;
    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ new }};
{%- endmacro %}
