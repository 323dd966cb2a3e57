// Sessions that try what logon triggers set, through pgjdbc: see README.md.
import java.math.BigInteger;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.OffsetDateTime;
import org.postgresql.util.PGInterval;
import org.postgresql.util.PSQLWarning;

class PgjdbcRecipes {
  private interface Action {
    Object run() throws Exception;
  }

  private static final Object[][] TYPES = {
    {
      "date", java.sql.Date.valueOf("2026-02-03"), "to_char(?::date, 'YYYY-MM-DD')",
      "date '2026-02-03'"
    },
    {
      "timestamp", Timestamp.valueOf("2026-02-03 04:05:06.789"),
      "to_char(?::timestamp, 'YYYY-MM-DD HH24:MI:SS.MS')", "timestamp '2026-02-03 04:05:06.789'"
    },
    {
      "timestamptz", OffsetDateTime.parse("2026-02-03T04:05:06.789Z"),
      "to_char(?::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MSZ')",
      "timestamptz '2026-02-03 04:05:06.789+00'"
    },
    {
      "interval", new PGInterval(0, 0, 1, 2, 3, 4), "to_char(?::interval, 'FMDD FMHH24:MI:SS')",
      "interval '1 day 02:03:04'"
    },
    {
      "bytea", new byte[] {0, -1, 92, 39}, "encode(?::bytea, 'hex')", "decode('00ff5c27', 'hex')"
    },
    {
      "array", new String[] {"a,b", "\\"}, "array_to_string(?::text[], '|')",
      "ARRAY['a,b', chr(92)]"
    },
    {
      "text", "\u00fc\\'", "encode(convert_to(?::text, 'UTF8'), 'hex')",
      "chr(252) || chr(92) || chr(39)"
    },
    {
      "float", 0.1 + 0.2, "?::float8 = 0.1::float8 + 0.2::float8", "0.1::float8 + 0.2::float8"
    },
  };

  public static void main(String[] args) {
    for (String url : args) {
      session(url);
      System.out.println("end");
    }
  }

  private static void session(String url) {
    Connection connection;
    try {
      connection = DriverManager.getConnection("jdbc:" + url);
    } catch (SQLException error) {
      System.out.println("connect " + error.getSQLState() + " " + error.getMessage());
      return;
    }
    show("finds", () -> {
      for (SQLWarning w = connection.getWarnings(); w != null; w = w.getNextWarning()) {
        String severity = ((PSQLWarning) w).getServerErrorMessage().getSeverity();
        System.out.println("notice " + severity + ":  " + w.getMessage());
      }
      return found(connection);
    });
    show("prepared", () -> plus(connection));
    for (Object[] type : TYPES) {
      show(type[0] + " sent", () -> {
        try (PreparedStatement statement = connection.prepareStatement("SELECT " + type[2])) {
          statement.setObject(1, type[1] instanceof String[]
              ? connection.createArrayOf("text", (String[]) type[1]) : type[1]);
          ResultSet row = first(statement);
          return type[0].equals("float") ? row.getBoolean(1) : row.getString(1);
        }
      });
      show(type[0] + " read", () -> {
        try (PreparedStatement statement = connection.prepareStatement("SELECT " + type[3])) {
          return text((String) type[0], first(statement));
        }
      });
    }
    show("error", () -> first(connection.prepareStatement("SELECT 1 / 0")));
    show("write", () -> {
      connection.setAutoCommit(false);
      try (Statement statement = connection.createStatement()) {
        return statement.executeUpdate("INSERT INTO public.written VALUES (1)");
      } finally {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    });
    show("discard", () -> execute(connection, "DISCARD ALL"));
    show("discard finds", () -> found(connection));
    show("discard prepared", () -> plus(connection));
    show("close", () -> {
      connection.close();
      return "done";
    });
  }

  private static void show(String name, Action action) {
    String value;
    try {
      value = String.valueOf(action.run());
    } catch (SQLException error) {
      value = error.getSQLState();
    } catch (Exception error) {
      value = error.toString();
    }
    System.out.println(name + " " + value);
  }

  private static ResultSet first(PreparedStatement statement) throws SQLException {
    ResultSet row = statement.executeQuery();
    row.next();
    return row;
  }

  private static String found(Connection connection) throws SQLException {
    return first(connection.prepareStatement("SELECT public.found()")).getString(1);
  }

  private static int plus(Connection connection) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement("SELECT ?::int + 1")) {
      statement.setInt(1, 41);
      return first(statement).getInt(1);
    }
  }

  private static String execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
      return "done";
    }
  }

  private static String text(String type, ResultSet row) throws SQLException {
    switch (type) {
      case "date":
        return row.getDate(1).toLocalDate().toString();
      case "timestamp":
        return row.getTimestamp(1).toString();
      case "timestamptz":
        return row.getObject(1, OffsetDateTime.class).toInstant().toString().replace('T', ' ');
      case "interval":
        PGInterval interval = (PGInterval) row.getObject(1);
        return String.format("%d %d:%02d:%02d", interval.getDays(), interval.getHours(),
            interval.getMinutes(), interval.getWholeSeconds());
      case "bytea":
        return String.format("%08x", new BigInteger(1, row.getBytes(1)));
      case "array":
        return String.join("|", (String[]) row.getArray(1).getArray());
      case "float":
        return String.valueOf(row.getDouble(1));
      default:
        return row.getString(1);
    }
  }
}
