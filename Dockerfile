# The image of compose.yaml: the project and what it needs at run time, nothing of its tests.
# The Python is the one that the tests run on.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
# Every package is checked against its hash here; from here on no index is asked.
COPY requirements.lock ./
RUN pip wheel --quiet --no-deps --require-hashes --requirement requirements.lock --wheel-dir /wheels
RUN python -m venv /opt/eden
COPY . .
# Editable: dbt's models, macros and seeds lie beside the packages.
RUN /opt/eden/bin/pip install --quiet --no-index --find-links /wheels --editable . \
    && python -m compileall -q dicom_export dlt_pipelines eden eden_cli flows

FROM python:${PYTHON}
RUN useradd --uid 10001 --user-group --create-home --home-dir /var/lib/eden eden
COPY --from=build /opt/eden /opt/eden
COPY --from=build /app /app
ENV PATH=/opt/eden/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    # All that is written; the rest belongs to root.
    EDEN_HOME=/var/lib/eden \
    DBT_TARGET_PATH=/var/lib/eden/dbt/by-hand \
    DBT_LOG_PATH=/var/lib/eden/logs \
    PREFECT_HOME=/var/lib/eden/prefect \
    PREFECT_SERVER_UI_STATIC_DIRECTORY=/var/lib/eden/prefect-pages \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1
WORKDIR /app
USER eden
CMD ["eden", "up"]
