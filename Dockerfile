# One image for every service: the command says which, e.g. `python -m services.analyzer`.
# With `--build-arg EXTRAS=gpu` it is an image for analyzers with a GPU of NVIDIA, and 2.4 GB larger.

ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS build
ARG EXTRAS=
# Wheels alone: nothing is compiled, here or in the final stage.
ENV PIP_ONLY_BINARY=:all: PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/starling
WORKDIR /build
# What Starling needs changes less often than Starling does, so it is a layer of its own.
COPY requirements-build.txt requirements.txt requirements-gpu.txt ./
RUN /opt/starling/bin/pip install --quiet --require-hashes --no-deps -r requirements-build.txt -r requirements.txt
RUN test -z "$EXTRAS" \
    || /opt/starling/bin/pip install --quiet --require-hashes --no-deps -r requirements-$EXTRAS.txt
COPY pyproject.toml LICENSE README.md ./
COPY services services
COPY shared shared
RUN /opt/starling/bin/pip install --quiet --no-index --no-deps --no-build-isolation . \
    && /opt/starling/bin/pip uninstall --quiet --yes setuptools pip \
    # The libraries' own tests, a tenth of the image.
    && find /opt/starling/lib -depth -type d -name tests -exec rm -r {} +

FROM ${BASE}
ARG BASE
# `make sbom` lists the packages of Python; for the rest of the image there is the name of what it is based on.
LABEL org.opencontainers.image.title="Starling" \
      org.opencontainers.image.description="Self-hosted music discovery: what sounds alike, and playlists of it." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /opt/starling /opt/starling
# The root file system may be read-only: what is written lies in /data and /tmp.
RUN mkdir --mode=0700 /data && chown 10001:10001 /data
ENV PATH=/opt/starling/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STARLING_DATA_DIR=/data \
    STARLING_HEALTH_PORT=8001 \
    STARLING_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME /data
# 8000 is the gateway's; the others answer about their health on 8001.
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "shared.healthcheck"]
CMD ["python", "-m", "services.gateway"]
