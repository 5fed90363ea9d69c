# One image a service: docker build --build-arg ROOM=ingest . (ingest, forecast, twin or ui; torch only in forecast)
FROM python:3.12-slim-bookworm
ARG ROOM
WORKDIR /opt/joulecast
# lightgbm, of the twin, needs libgomp
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home joulecast
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY core core
COPY sql sql
COPY joulecast joulecast
COPY ingest ingest
COPY forecast forecast
COPY twin twin
COPY ui ui
RUN pip install --no-cache-dir --constraint constraints.txt ".[${ROOM}]"
USER 10001
ENV ROOM=${ROOM} PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
CMD ["sh", "-c", "exec python -m ${ROOM}"]
