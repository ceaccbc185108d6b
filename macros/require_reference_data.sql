{% macro require_reference_data() %}
    {#-
        `dbt run` loads no seeds. It must work on an empty warehouse, so the macro makes empty tables
        for them. With studies and without reference data no study would be a chest study: the
        macro refuses that.
        Only `run`: the other commands load the seeds or do not need them. The references are outside
        of the condition because dbt collects them at parse time, for any command.
    -#}
    {%- set studies = source('pacs', 'pacs_studies') -%}
    {%- set chest_terms = ref('chest_terms') -%}
    {%- set modality_codes = ref('modality_codes') -%}
    {% if flags.WHICH == 'run' %}
        set client_min_messages = warning;
        create table if not exists {{ chest_terms }} (
            term text
        );
        create table if not exists {{ modality_codes }} (
            code text,
            counts_for_rank boolean,
            is_eligible boolean
        );
        do $reference_data$
        begin
            if exists (select from {{ studies }})
                and not (
                    exists (select from {{ chest_terms }})
                    and exists (select from {{ modality_codes }})
                )
            then
                raise exception 'the reference data are not loaded: run "dbt seed" first';
            end if;
        end
        $reference_data$;
        reset client_min_messages;
    {% endif %}
{% endmacro %}
