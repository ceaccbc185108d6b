{% macro models_told_by(parent) -%}
    {#-
        Names of the models that are rebuilt study by study and read `parent` (a node of the
        graph): those that have to know what changed in it.
    -#}
    {%- set names = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- if
            node.config.incremental_strategy == 'stale_studies'
            and parent.unique_id in node.depends_on.nodes
        -%}
            {%- do names.append(node.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(names | sort) }}
{%- endmacro %}
