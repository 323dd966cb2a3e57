# HAProxy as compose-ha.yaml has it: before the nodes, with whichever leads.
FROM debian:trixie-slim
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends haproxy \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY haproxy.cfg /etc/haproxy/
USER haproxy
EXPOSE 5000
CMD ["haproxy", "-f", "/etc/haproxy/haproxy.cfg"]
