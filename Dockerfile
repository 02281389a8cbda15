# The server as an image: a Hugging Face Docker Space, or `docker build -t opencode-api .` anywhere.
# Python 3.11 is the floor, see pyproject.toml.
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS dependencies

WORKDIR /build
COPY requirements.txt .
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check -r requirements.txt


FROM python:${PYTHON_VERSION}-slim

LABEL org.opencontainers.image.title="OpenCode API" \
      org.opencontainers.image.description="An LLM agent API server that speaks opencode's wire: sessions, streaming, tools, a chat page." \
      org.opencontainers.image.licenses="MIT"

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/opencode \
    PORT=7860

# The data goes to /data, where a Space mounts its persistent disk, or to /app/data if that can't be written.
# A volume mounted on either takes over its owner.
WORKDIR /app
RUN useradd --create-home --uid 1000 opencode \
    && install --directory --owner=1000 --group=1000 /data /app/data

COPY --from=dependencies /opt/venv /opt/venv
COPY app.py LICENSE ./
COPY opencode opencode
COPY templates templates
COPY static static
# The code belongs to root, so the server could not write its bytecode, and would compile it at every start.
RUN python -m compileall -q app.py opencode

USER 1000
EXPOSE 7860

# 401: up, and asking for the password that it was given.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/global/health'); sys.exit(c.getresponse().status not in (200, 401))"]

# No shell in between: SIGTERM reaches the server, which ends its turns and closes its database.
CMD ["python", "app.py"]
