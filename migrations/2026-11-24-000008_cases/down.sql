drop table case_prints, cases;
