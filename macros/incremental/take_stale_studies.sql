{% macro take_stale_studies(
    studies, reads, reads_through=[], references=[], seeds=[], changes=none
) -%}
    {#-
        The pre-hook of models that are rebuilt study by study (docs/decisions/0006). It makes the
        temporary table stale_studies, whose rows the model then replaces, out of what the models
        above have told, and tells the models below. All of that and the model's own statement are
        one transaction: what was told is taken where it was acted on, and only there.

        - studies: the relation that has every study this model may have rows of.
        - reads: relations with the columns organization_id and study_id, which the model reads
          through only_stale().
        - reads_through: (relation, one of reads, column); a relation that is a join, whose rows are
          found by a column of what was read before.
        - references: (model, relation, column); a row that changed in the model makes those studies
          stale that the relation finds by the column.
        - seeds: where one differs from what it was, everything is stale; so it is where the SQL of
          the model does.
        - changes: for the model at the top, the view of what changed in the replicated tables.
    -#}
    {%- if is_incremental() %}
        create temporary table stale_studies (
            organization_id uuid, study_id uuid, primary key (organization_id, study_id)
        ) on commit drop;
    {%- endif %}
    {%- if flags.EMPTY %}
        {#- dbt's --empty reads nothing; the next run without it rebuilds what that left. #}
        insert into ops.stale_keys (model, told_by) values ('{{ model.name }}', 'empty');
    {%- elif is_incremental() %}
        {{ fill_stale_studies(studies, references, seeds, changes) }}
    {%- else %}
        {{ forget_what_was_told(seeds, changes) }}
    {%- endif %}
    {%- if is_incremental() %}
        {%- for relation in reads %}
            {{ put_stale_rows_aside(relation, 'stale_studies') }}
        {%- endfor %}
        {%- for relation, other, column in reads_through %}
            {{ put_stale_rows_aside(relation, put_aside(other), column) }}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
