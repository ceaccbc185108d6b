{% macro fold_text(expression) -%}
    {#-
        The accents are removed first: in the C locale lower() knows ASCII alone and leaves 'Ó' as it
        is. COLLATE "C" gives the same result in every locale; in a Turkish one lower('I') is not 'i'.
        translate() maps the two letters outside ASCII whose capital is in ASCII, the dotless i and the
        long s: a Turkish program writes 'PEITO' in lower case as 'peıto'.
    -#}
    lower(translate(
        regexp_replace(normalize({{ expression }}, nfd), '[\u0300-\u036F]', '', 'g'), 'ıſ', 'is'
    ) collate "C")
{%- endmacro %}
