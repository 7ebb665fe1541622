FROM python:3.13.14-slim-trixie AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv --without-pip /opt/slta
COPY requirements.txt ./
RUN python3 -m pip --python /opt/slta/bin/python install --require-hashes --only-binary :all: -r requirements.txt
COPY LICENSE README.md* pyproject.toml setup.py ./
COPY clients clients
COPY demo demo
COPY examples examples
COPY integrations integrations
COPY loadgen loadgen
COPY planning planning
COPY service service
RUN python3 -m pip --python /opt/slta/bin/python install --no-deps --no-build-isolation . \
    && python3 -m pip --python /opt/slta/bin/python uninstall --yes setuptools \
    && /opt/slta/bin/python -m compileall -q /opt/slta

FROM python:3.13.14-slim-trixie
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libjemalloc2=5.3.0-3 \
    && rm -rf /var/lib/apt/lists/*
RUN find /usr \( -name 'pip' -o -name 'pip-*' -o -name 'pip3*' -o -name 'ensurepip' -o -name 'python-wheels' \) \
        -prune -exec rm -rf {} + \
    && groupadd --gid 10001 slta \
    && useradd --uid 10001 --gid slta --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin slta \
    && install --directory --owner slta --group slta --mode 0700 /var/lib/slta
COPY --from=build /opt/slta /opt/slta
ARG REVISION=unknown
LABEL org.opencontainers.image.title="slta" \
      org.opencontainers.image.description="A session dispatcher for heterogeneous server pools" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13.14-slim-trixie"
ENV PATH=/opt/slta/bin:$PATH PYTHONDONTWRITEBYTECODE=1 SLTA_HOST=0.0.0.0 SLTA_DATA_DIR=/var/lib/slta
USER 10001:10001
WORKDIR /var/lib/slta
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-m", "slta.runtime.health_check"]
ENTRYPOINT ["slta"]
CMD ["serve"]
