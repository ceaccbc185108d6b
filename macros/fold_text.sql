{% macro fold_text(expression) -%}
    {#-
        The marks go first: in the C locale lower() knows ASCII alone and would leave 'Ó' as it is.
        COLLATE "C" makes every warehouse fold alike; in a Turkish one lower('I') is not 'i'.
        translate() adds the two letters outside ASCII whose capital is in it, the dotless i and the
        long s: 'PEITO' put in lower case by a Turkish program is 'peıto'.
    -#}
    lower(translate(
        regexp_replace(normalize({{ expression }}, nfd), '[\u0300-\u036F]', '', 'g'), 'ıſ', 'is'
    ) collate "C")
{%- endmacro %}
