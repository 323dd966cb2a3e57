/** pgjdbc: Client.java HOST PORT USER DATABASE */

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;

public class Client {
    private static String value(Connection connection, String sql, Integer parameter) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            if (parameter != null) {
                statement.setInt(1, parameter);
            }
            try (ResultSet result = statement.executeQuery()) {
                result.next();
                return result.getString(1);
            }
        }
    }

    public static void main(String[] args) throws SQLException {
        String url = "jdbc:postgresql://" + args[0] + ":" + args[1] + "/" + args[3] + "?sslmode=disable&prepareThreshold=1&user=" + args[2];
        try (Connection connection = DriverManager.getConnection(url)) {
            for (SQLWarning warning = connection.getWarnings(); warning != null; warning = warning.getNextWarning()) {
                System.out.println("notice: " + warning.getMessage());
            }
            System.out.println("select: " + value(connection, "SELECT ? + 1", 41));
            System.out.println("setting: " + value(connection, "SELECT current_setting('test.setting', true)", null));
        } catch (SQLException error) {
            System.out.println("error: " + error.getSQLState() + " " + error.getMessage());
        }
    }
}
