{% macro chest_patterns(terms) -%}
    {#-
        One row with one column, patterns: what LIKE ANY finds the terms with in folded text. Its
        array is NULL where there are no terms, and then nothing is a chest study.
    -#}
    -- A term is text and not a pattern: its %, _ and \ stand for themselves.
    select array_agg('%' || regexp_replace(folded_term, '([\\%_])', '\\\1', 'g') || '%') as patterns
    from (select {{ fold_text('btrim(term)') }} as folded_term from {{ terms }}) as folded
    -- An empty term would be found in everything.
    where folded_term <> ''
{%- endmacro %}
