# syntax=docker/dockerfile:1
# Two targets: `cpu` (default) and `cuda`. Both run as an ordinary user and keep everything under /data.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 VASARI_LIBRARY=/data/library HF_HOME=/data/hub
RUN useradd --create-home --uid 1000 vasari && install -d -o vasari /data /pictures
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY vasari ./vasari
COPY retrieval ./retrieval
COPY indexer ./indexer
COPY training ./training
COPY api ./api
COPY data ./data
EXPOSE 7600
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7600/livez', timeout=4)"]
VOLUME /data
ENTRYPOINT ["vasari"]
CMD ["serve", "--host", "0.0.0.0"]

# The wheels of torch for CUDA carry their own CUDA libraries; the driver comes from the host.
FROM base AS cuda
RUN pip install '.[postgres,milvus,s3,gcs,otel]'
ENV VASARI_DEVICE=cuda
USER vasari

# TORCH_INDEX may name an index of CPU-only wheels of torch, several gigabytes smaller.
FROM base AS cpu
ARG TORCH_INDEX
RUN pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '.[postgres,milvus,s3,gcs,otel]'
USER vasari
