"""De-identifies DICOM files by a keep-list: ``rules.csv`` names all that may leave."""
