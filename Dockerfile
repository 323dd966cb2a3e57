# PostgreSQL with logon and logoff triggers, to be used as the official postgres
# image is: docs/image.md. Another major: docker build --build-arg PG_MAJOR=17 .
ARG PG_MAJOR=18

# --- build --------------------------------------------------------------------

FROM debian:trixie-slim AS build
ARG PG_MAJOR
# The package lists stay: build.sh may have to ask apt for upstream's tarball.
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
	bison build-essential bzip2 ca-certificates cargo curl debian-archive-keyring flex gettext git \
	libclang-dev libicu-dev libkrb5-dev libldap2-dev liblz4-dev libnuma-dev libpam0g-dev libreadline-dev \
	libssl-dev liburing-dev libxml2-dev libxslt1-dev libzstd-dev patch perl pkg-config uuid-dev xz-utils zlib1g-dev
WORKDIR /src
COPY build.sh VERSIONS ./
COPY tools tools
COPY patches patches
COPY rust-core rust-core
COPY extensions extensions
RUN ./build.sh patch --pg "$PG_MAJOR"
# Where Debian's packages have their files, so that extensions packaged for them
# find theirs, and sockets where its clients look for them.
RUN set -eux; \
	sed -i '/define DEFAULT_PGSOCKET_DIR/s,"/tmp","/var/run/postgresql",' build/$PG_MAJOR/src/src/include/pg_config_manual.h; \
	mkdir obj; cd obj; \
	configure=../build/$PG_MAJOR/src/configure; \
	# The last two are new in 18.
	$configure --prefix=/usr/lib/postgresql/$PG_MAJOR --datadir=/usr/share/postgresql/$PG_MAJOR \
		--enable-nls --with-gssapi --with-icu --with-ldap --with-libxml --with-libxslt --with-lz4 --with-openssl \
		--with-pam --with-uuid=e2fs --with-zstd \
		$($configure --help | grep -oE -e '--with-lib(numa|uring)'); \
	make -j "$(nproc)" world-bin
COPY docker/built-from docker/built-from
RUN set -eux; \
	make -C obj INSTALL_STRIP_FLAG=-s DESTDIR=/out install-world-bin; \
	cd /out/usr/lib/postgresql/$PG_MAJOR; \
	rm -r bin/ecpg include lib/pgxs lib/pkgconfig lib/*.a; \
	sed -i "s/^#listen_addresses = 'localhost'/listen_addresses = '*'/" /out/usr/share/postgresql/$PG_MAJOR/postgresql.conf.sample; \
	mkdir -p /out/usr/local/share/session-triggers; \
	/src/docker/built-from "$PG_MAJOR" >/out/usr/local/share/session-triggers/built-from

# --- run time -----------------------------------------------------------------

FROM debian:trixie-slim AS runtime
# The numbers are the official image's: volumes go from one to the other.
RUN groupadd --system --gid 999 postgres \
	&& useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres
# No JIT: LLVM's library and what it needs would more than double the image.
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
	gosu less libgssapi-krb5-2 libicu76 libldap2 liblz4-1 libnss-wrapper libnuma1 libpam0g libreadline8t64 libssl3t64 \
	liburing2 libuuid1 libxml2 libxslt1.1 libzstd1 locales ssl-cert xz-utils zlib1g zstd \
	# It has made a key and a certificate, for the server to read.
	&& usermod --append --groups ssl-cert postgres \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
	# A slim base keeps dpkg from unpacking it; recipes for more locales name it.
	&& ln -sf /etc/locale.alias /usr/share/locale/locale.alias \
	&& localedef -i en_US -c -f UTF-8 -A /usr/share/locale/locale.alias en_US.UTF-8 \
	&& install -d -o postgres -g postgres -m 1777 /var/lib/postgresql \
	&& install -d -o postgres -g postgres -m 3777 /var/run/postgresql \
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
	case "$(postgres --version)" in \
		*" ${PG_VERSION%-r*}") ;; \
		*) echo "the Dockerfile says $PG_VERSION, but VERSIONS says: $(postgres --version)"; exit 1 ;; \
	esac; \
	dpkg-query -W -f 'run-time-package ${Package} ${Version}\n' >>/usr/local/share/session-triggers/built-from
COPY docker/entrypoint /usr/local/bin/docker-entrypoint.sh
COPY docker/ensure-initdb /usr/local/bin/docker-ensure-initdb.sh
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
