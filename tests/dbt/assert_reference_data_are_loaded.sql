-- A failing row is a seed without rows: `dbt seed` has not run, no study is a chest study or
-- none has a modality that counts, and the whole dataset looks as if it had to be withdrawn.
with seeds as (
    select
        'chest_terms' as seed,
        count(*) as row_count
    from {{ ref('chest_terms') }}
    union all
    select
        'modality_codes' as seed,
        count(*) as row_count
    from {{ ref('modality_codes') }}
)

select *
from seeds
where row_count = 0
