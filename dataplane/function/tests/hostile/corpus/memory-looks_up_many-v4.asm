# hook call
f0:
    mov %r7, 0
    ldxdw %r6, [%r1+8]
    stxdw [%r10-272], %r1
    ldxdw %r8, [%r1]
    mov %r1, %r8
    add %r1, 8
    jgt %r1, %r6, i50
i7:
    sub %r6, %r8
    mov %r9, %r6
    rsh %r9, 3
    mov %r3, %r9
    jlt %r9, 16, i13
    mov %r3, 16
i13:
    mov %r4, %r10
    add %r4, -256
    mov %r1, %r8
    mov %r2, 8
    stxdw [%r10-264], %r3
    mov %r5, 16
    call 2
    jlt %r6, 8, i41
    mov %r1, 0
    ja i27
i23:
    add %r1, 1
    jge %r1, %r9, i41
    jlt %r1, 16, i27
    ja i41
i27:
    mov %r2, %r1
    lsh %r2, 4
    mov %r3, %r10
    add %r3, -256
    add %r3, %r2
    ldxdw %r2, [%r3+8]
    ldxdw %r3, [%r3]
    add %r3, 4
    jgt %r3, %r2, i23
i36:
    ldxw %r4, [%r3-4]
    add %r7, %r4
    add %r3, 4
    jgt %r3, %r2, i23
    ja i36
i41:
    ldxdw %r1, [%r10-264]
    lsh %r1, 3
    add %r8, %r1
    mov %r1, %r8
    add %r1, 8
    ldxdw %r2, [%r10-272]
    ldxdw %r6, [%r2+8]
    jgt %r1, %r6, i50
    ja i7
i50:
    mov %r0, %r7
    exit
