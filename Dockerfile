# IRBot as an ordinary user on a read-only file system:
#   docker build -t irbot .
#   docker run --read-only --tmpfs /tmp -v irbot-data:/data --env-file irbot.env -p 3978:3978 irbot
FROM python:3.11-slim AS packages
COPY requirements.hashes.txt /
RUN python -m venv /opt/irbot && /opt/irbot/bin/pip install --no-cache-dir --require-hashes --no-deps -r /requirements.hashes.txt

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin irbot \
    && install -d -o irbot -g irbot -m 0700 /data
COPY --from=packages /opt/irbot /opt/irbot
COPY app.py /irbot/
COPY bot /irbot/bot
COPY cards /irbot/cards
COPY console /irbot/console
COPY dialogs /irbot/dialogs
COPY manifest /irbot/manifest
COPY services /irbot/services
WORKDIR /irbot
ENV PATH=/opt/irbot/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    IRBOT_HOST=0.0.0.0 IRBOT_PORT=3978 IRBOT_DATA_DIR=/data
USER 10001
VOLUME /data
EXPOSE 3978
HEALTHCHECK --interval=30s --timeout=6s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3978/healthz', timeout=5)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "app.py"]
CMD ["run"]
