-- A failing row is a doctor whose rank is not one more than the number of doctors before them,
-- or whose total is higher than that of the doctor before: the window of ranks selects the
-- wrong doctors.
with doctors as (
    select
        practitioner_id,
        doctor_rank,
        total_signed_chest_studies,
        row_number() over (order by doctor_rank) as expected_rank,
        lag(total_signed_chest_studies) over (order by doctor_rank) as previous_total
    from {{ ref('doctor_rank') }}
)

select *
from doctors
where
    doctor_rank <> expected_rank
    or total_signed_chest_studies > previous_total
    or total_signed_chest_studies < 1
