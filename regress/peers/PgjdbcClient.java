// A session through pgjdbc: see README.md.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.Arrays;
import org.postgresql.PGStatement;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLWarning;

class PgjdbcClient {
  public static void main(String[] args) throws SQLException {
    Connection connection;
    try {
      connection = DriverManager.getConnection("jdbc:" + args[0]);
    } catch (SQLException error) {
      System.out.println("error " + error.getSQLState() + " " + error.getMessage());
      return;
    }
    for (SQLWarning w = connection.getWarnings(); w != null; w = w.getNextWarning()) {
      String severity = ((PSQLWarning) w).getServerErrorMessage().getSeverity();
      System.out.println("notice " + severity + " " + w.getSQLState() + " " + w.getMessage());
    }
    for (String script : Arrays.asList(args).subList(1, args.length)) {
      try (Statement statement = connection.createStatement()) {
        statement.execute(script);
        System.out.println("done");
      } catch (SQLException error) {
        String message = ((PSQLException) error).getServerErrorMessage().getMessage();
        System.out.println("refused " + error.getSQLState() + " " + message);
      }
    }
    System.out.println("select " + value(connection.prepareStatement("SELECT 1")));
    PreparedStatement plus = connection.prepareStatement("SELECT ?::int + 1");
    // Without this the driver names a statement at its fifth use only.
    plus.unwrap(PGStatement.class).setPrepareThreshold(1);
    plus.setInt(1, 41);
    System.out.println("prepared " + value(plus));
    String tenant = value(connection.prepareStatement("SELECT current_setting('app.tenant', true)"));
    System.out.println("tenant " + (tenant == null || tenant.isEmpty() ? "-" : tenant));
    connection.close();
    System.out.println("closed");
  }

  private static String value(PreparedStatement statement) throws SQLException {
    try (ResultSet row = statement.executeQuery()) {
      row.next();
      return row.getString(1);
    }
  }
}
