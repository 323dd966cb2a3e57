// A pool of HikariCP over pgjdbc that resets by DISCARD ALL: see README.md.
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

class HikariPool {
  public static void main(String[] args) throws SQLException {
    // The pool tests a connection before it hands it out, unless no more milliseconds than
    // this have passed since it was used: 0 still are, for a client that comes at once.
    System.setProperty("com.zaxxer.hikari.aliveBypassWindowMs", "-1");
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl("jdbc:" + args[0]);
    config.setMaximumPoolSize(1);
    config.setConnectionTestQuery("DISCARD ALL");
    try (HikariDataSource pool = new HikariDataSource(config)) {
      for (int number = 1; number <= 3; number++) {
        try (Connection connection = pool.getConnection();
            Statement statement = connection.createStatement()) {
          System.out.println(
              "client " + number
                  + " " + value(statement, "SELECT current_setting('app.token', true)")
                  + " " + value(statement, "SELECT to_regclass('pg_temp.mine')::text"));
          statement.execute("SET app.token = 'stolen'; CREATE TEMP TABLE mine ()");
        }
      }
    }
    System.out.println("closed");
  }

  private static String value(Statement statement, String query) throws SQLException {
    try (ResultSet row = statement.executeQuery(query)) {
      row.next();
      String value = row.getString(1);
      return value == null || value.isEmpty() ? "-" : value;
    }
  }
}
