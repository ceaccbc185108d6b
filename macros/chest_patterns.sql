{% macro chest_patterns(terms) -%}
    {#-
        One row with one column, an array of patterns for LIKE ANY on folded text. Without terms the
        array is NULL, and no study is a chest study.
    -#}
    -- A term is text, not a pattern: its %, _ and \ are escaped.
    select array_agg('%' || regexp_replace(folded_term, '([\\%_])', '\\\1', 'g') || '%') as patterns
    from (select {{ fold_text('btrim(term)') }} as folded_term from {{ terms }}) as folded
    -- An empty term would be found in everything.
    where folded_term <> ''
{%- endmacro %}
