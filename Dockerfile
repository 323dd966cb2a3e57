# PostgreSQL with logon and logoff triggers, to be used as the official postgres
# image is: docs/image.md. Another major: docker build --build-arg PG_MAJOR=17 .
ARG PG_MAJOR=18

# --- build --------------------------------------------------------------------

FROM debian:trixie-slim AS build
ARG PG_MAJOR
# The package lists stay: build.sh asks apt for Debian's source package and what it needs.
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
	build-essential bzip2 ca-certificates cargo curl debian-archive-keyring dpkg-dev fakeroot git patch perl xz-utils
WORKDIR /src
COPY build.sh VERSIONS ./
COPY tools tools
COPY packaging/debian packaging/debian
COPY patches patches
COPY rust-core rust-core
COPY extensions extensions
COPY manual manual
# Debian's packages with our patches: its compiler flags, paths, names, and JIT, which
# extensions of Debian's ask for. Upstream's tests have been run elsewhere.
RUN DEB_BUILD_OPTIONS="nocheck noautodbgsym" DEB_BUILD_PROFILES=nodoc \
	./build.sh deb --pg "$PG_MAJOR" --suite trixie --install-deps
COPY packaging/docker/built-from packaging/docker/built-from
# They are a repository in the image, so that apt has the server's development files and
# procedural languages too, and need not take Debian's server for them.
RUN set -eux; \
	share=/out/usr/local/share/session-triggers; \
	mkdir -p $share/apt /out/etc/apt/sources.list.d /out/etc/apt/preferences.d /out/etc/dpkg/dpkg.cfg.d; \
	packaging/docker/built-from "$PG_MAJOR" >$share/built-from; \
	cp build/$PG_MAJOR/deb/*.deb $share/apt/; \
	cd $share/apt; \
	dpkg-scanpackages --multiversion . >Packages; \
	echo "deb [trusted=yes] file:${share#/out}/apt ./" >/out/etc/apt/sources.list.d/session-triggers.list; \
	printf 'Package: src:postgresql-%s\nPin: origin ""\nPin-Priority: 1001\n' "$PG_MAJOR" \
		>/out/etc/apt/preferences.d/session-triggers; \
	# A slim base leaves all translations out.
	echo "path-include /usr/share/locale/*/LC_MESSAGES/*-$PG_MAJOR.mo" >/out/etc/dpkg/dpkg.cfg.d/session-triggers

# --- run time -----------------------------------------------------------------

FROM debian:trixie-slim AS runtime
# The numbers are the official image's: volumes go from one to the other.
RUN groupadd --system --gid 999 postgres \
	&& useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
	gosu less libnss-wrapper locales postgresql-common ssl-cert xz-utils zstd \
	# It has made a key and a certificate, for the server to read.
	&& usermod --append --groups ssl-cert postgres \
	# A cluster is made when the container starts.
	&& sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
	# A slim base keeps dpkg from unpacking it; recipes for more locales name it.
	&& ln -sf /etc/locale.alias /usr/share/locale/locale.alias \
	&& localedef -i en_US -c -f UTF-8 -A /usr/share/locale/locale.alias en_US.UTF-8 \
	&& install -d -o postgres -g postgres -m 1777 /var/lib/postgresql \
	&& mkdir /docker-entrypoint-initdb.d
ENV LANG=en_US.utf8

# What differs between majors: the version, with our revision of it, and where
# the official image has its data.
FROM runtime AS major-15
ENV PG_VERSION=15.18-r1 PGDATA=/var/lib/postgresql/data
RUN install -d -o postgres -g postgres -m 1777 "$PGDATA"
VOLUME /var/lib/postgresql/data

FROM runtime AS major-17
ENV PG_VERSION=17.11-r1 PGDATA=/var/lib/postgresql/data
RUN install -d -o postgres -g postgres -m 1777 "$PGDATA"
VOLUME /var/lib/postgresql/data

FROM runtime AS major-18
ENV PG_VERSION=18.6-r1 PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql

FROM major-$PG_MAJOR
ARG PG_MAJOR
ENV PG_MAJOR=$PG_MAJOR PATH=/usr/lib/postgresql/$PG_MAJOR/bin:$PATH
COPY --from=build /out /
RUN set -eu; \
	apt-get update; \
	jit=; \
	# A package of its own since 18
	if [ "$PG_MAJOR" -ge 18 ]; then jit=postgresql-$PG_MAJOR-jit; fi; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "postgresql-$PG_MAJOR" $jit; \
	rm -rf /var/lib/apt/lists/* /var/cache/apt/*; \
	install -d -o postgres -g postgres -m 3777 /var/run/postgresql; \
	# Where people look for it, with an address that can be reached from outside, and with the
	# language of most triggers, which each session that fires one would load otherwise.
	cd /usr/share/postgresql; \
	dpkg-divert --add --rename --divert "$PWD/$PG_MAJOR/postgresql.conf.sample.dpkg" "$PWD/$PG_MAJOR/postgresql.conf.sample"; \
	sed -e "s/^#listen_addresses = 'localhost'/listen_addresses = '*'/" \
		-e "s/^#shared_preload_libraries = ''/shared_preload_libraries = 'plpgsql'/" \
		$PG_MAJOR/postgresql.conf.sample.dpkg >postgresql.conf.sample; \
	ln -s ../postgresql.conf.sample "$PG_MAJOR/"; \
	case "$(postgres --version)" in \
		*" ${PG_VERSION%-r*} "*) ;; \
		*) echo "the Dockerfile says $PG_VERSION, but VERSIONS says: $(postgres --version)"; exit 1 ;; \
	esac; \
	dpkg-query -W -f 'run-time-package ${Package} ${Version}\n' >>/usr/local/share/session-triggers/built-from
COPY packaging/docker/entrypoint /usr/local/bin/docker-entrypoint.sh
COPY packaging/docker/ensure-initdb /usr/local/bin/docker-ensure-initdb.sh
RUN ln -s docker-ensure-initdb.sh /usr/local/bin/docker-enforce-initdb.sh
LABEL org.opencontainers.image.title="PostgreSQL with logon and logoff triggers" \
	org.opencontainers.image.description="PostgreSQL $PG_MAJOR that runs a function when a user connects and when they disconnect" \
	org.opencontainers.image.version=$PG_VERSION \
	org.opencontainers.image.licenses=PostgreSQL \
	org.opencontainers.image.base.name=debian:trixie-slim
ENTRYPOINT ["docker-entrypoint.sh"]
# A fast shutdown: sessions end, all is written.
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
